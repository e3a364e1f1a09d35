"""What all sections of the page share: its frame, styles and scripts, put into one file by `render`."""
