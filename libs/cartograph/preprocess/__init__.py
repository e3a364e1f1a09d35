"""Bronze to silver: typed, cleaned, de-duplicated, under pseudonyms; every row kept, set aside or counted.

`settings.py`    the thresholds that the steps take; how a source writes values is `core.cleaning.declaration`
`pseudonyms.py`  customers' ids by keyed HMAC-SHA-256
`verdicts.py`    the first rule that sets a row aside, with its reason
`events.py`      raw events typed and judged row by row, with ids that are unique over all sources
`outliers.py`    robust fences for quantities and prices
`limits.py`      shares that say a source is misread: the run stops
`versions.py`    which of several rows of one event is kept, added up, a duplicate, or in conflict
`conflicts.py`   rows whose event id another event has too
`resolve.py`     what rows say together: sessions from gaps, returns with their orders
`baskets.py`     orders
`titles.py`      normalised titles and the one that is shown
`products.py`    products with their latest facts
`users.py`       customers, and which of them look like wholesalers or robots
`ledger.py`      in = kept + merged + quarantined + duplicates

Each step looks at rows of new batches and at what those touch, so that several runs give the same tables as one.
"""
