"""Raw files and tables to bronze: every value kept as text, every row once, however often it runs.

A source is a declaration (`conf/sources/<name>.yml`, read by `source.py`): where its inputs lie, which columns they
must have, and a Spark SQL expression for each canonical column. The steps, one file each:

`files.py`   lists files and gives each the digest of its content, which is its batch
`inputs.py`  looks at inputs and makes frames of them: rows of files with their place, tables as a whole
`drift.py`   compares the columns found with those declared, before anything is read
`reading.py` reads files once: rows kept and counted, files that break off found
`bronze.py`  turns raw rows into canonical rows, and unreadable ones into quarantine
`table_rows.py`  which rows of a Delta or JDBC table are new
`plan.py`    puts them together: what of a source is new, as frames ready to append
"""
