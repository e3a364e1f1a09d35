"""Bronze to silver: typed, cleaned, de-duplicated, pseudonymous; every row is kept, set aside or counted.

`settings.py`    the thresholds; how a source writes values is declared in `core.cleaning.declaration`
`raw_rows.py`    raw rows of batches, grouped by declaration
`increment.py`   the batches that are new, and the tables while these are added to them
`row_checks.py`  all verdicts on new rows; stops the run if a source is misread
`silver_rows.py` the rows to write to each silver table
`pseudonyms.py`  customers' ids by keyed HMAC-SHA-256
`verdicts.py`    the first rule that sets a row aside, with its reason
`events.py`      raw events typed and checked row by row, with ids that are unique over all sources
`outliers.py`    robust fences for quantities and prices
`limits.py`      the shares above which a source is misread
`versions.py`    which of several rows of one event is kept, added up, a duplicate, or in conflict
`conflicts.py`   events whose id another event has too
`resolve.py`     what can only be seen from several events: sessions, and returns with their orders
`baskets.py`     orders
`titles.py`      normalised titles, and which one is shown
`products.py`    products with their latest known attributes
`listings.py`    what catalogues list, from delivery to delivery
`users.py`       customers, and which of them look like wholesalers or bots
`ledger.py`      in = kept + merged + quarantined + duplicates
`rekey.py`       pseudonyms under another key

Only rows of new batches and the rows that these touch are processed, and several runs give the same tables as one.
"""
