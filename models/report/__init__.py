"""Results for people: pages that need no network, and pictures. The only place that imports altair."""
