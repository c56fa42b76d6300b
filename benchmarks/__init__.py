"""Speed as ratios against a peer in the same run, each with an equality check; never imported by the product."""
