"""Bronze to silver: typed, cleaned, de-duplicated, under pseudonyms; every row kept, set aside or counted.

`settings.py`    the thresholds and patterns that the steps take
`pseudonyms.py`  customers' ids by keyed HMAC-SHA-256
`events.py`      raw events typed and judged row by row; which of the good ones are new
`outliers.py`    robust fences for quantities and prices
`resolve.py`     what rows say together: the last of equal events, sessions from gaps, returns with their orders
`baskets.py`     orders
`titles.py`      normalised titles and the one that is shown
`products.py`    products with their latest facts
`users.py`       customers, and which of them look like wholesalers or robots
`ledger.py`      in = kept + quarantined + duplicates

Each step looks at rows of new batches and at what those touch, so that several runs give the same tables as one.
"""
