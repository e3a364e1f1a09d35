"""Measures of association, ranking metrics, tests of significance."""
