"""Reports as HTML pages that need no network, and as pictures. The only place that imports altair."""
