"""The parts of the report's page: template, styles and scripts, put into one file by `render`."""
