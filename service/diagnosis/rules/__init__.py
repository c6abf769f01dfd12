"""A file for each kind of thing that can be found, a function for each finding.

A rule gets a History and yields Findings: none where it has nothing to say. It knows no other
rule, but for `healthy`, which speaks where no other found anything wrong.
"""
