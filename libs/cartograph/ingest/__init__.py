"""Raw files and tables to bronze: every value kept as text, every row once, however often it runs.

A source is a declaration (`conf/sources/<name>.yml`, read by `source.py`): where its inputs are, which columns they
must have, and a Spark SQL expression for each canonical column. The steps, one file each:

`files.py`       lists files with the digest of their content, which identifies their batch
`inputs.py`      probes inputs and makes frames of them: rows of files with their position, tables as a whole
`drift.py`       compares the columns found with those declared, before anything is read
`reading.py`     reads files once: rows are kept and counted, truncated files are found
`bronze.py`      turns raw rows into canonical rows, and unreadable ones into quarantine
`table_rows.py`  which rows of a Delta or JDBC table are new
`known.py`       what bronze holds already, and what of it is read again
`plan.py`        puts them together: what is new in a source, as frames ready to append
`writing.py`     appends them exactly once, and records the batches
"""
