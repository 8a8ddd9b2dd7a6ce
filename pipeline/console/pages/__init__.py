"""Hold the pages: each file has ROUTES, its views, and a template of its own name.

A view is a plain function of the request that returns `page(...)` or `redirect(...)`; it runs in a
thread. One that takes POST is called only for a form of ours: `form_of(request)` has its fields and
files; `@takes(bytes)` lets more than FORM_BYTES in. Forms carry the hidden field `csrf`, calls of
fetch the header x-csrf-token (from <meta name="csrf">). NAV is the page's entry in the navigation.
A registered version is at /registry/GROUP/NUMBER, an endpoint at /endpoints/NAME, a run at
/runs/ID, its data at /data/ID: pages link to each other by these. HERE has the routes that have a
meaning on this machine alone, ROUTES all others: those look and act at `console_of(request).place`,
this machine or an account on AWS (place.py). What a template marks data-live
is fetched again whenever the state changes (static/live.js says how).
"""
