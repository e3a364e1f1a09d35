"""The sections of the page, a folder each.

A folder has a `query.py` and a `template.html.j2`, and where needed a `script.js` and a `style.css`.

`query.py` has the `LABEL` of the menu, `content(day)`, which gives what is shown as plain values, and, where products
are named, `product_ids(content)`. The template finds the content as `content`; a script finds it as `data.<folder>` and
has a function `draw<Folder>` (`drawRelatedProducts` for `related_products`), which the page calls once.
"""
