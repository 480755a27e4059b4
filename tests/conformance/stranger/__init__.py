"""A second server of this API, written on the standard library, with the manners of deployed ones.

It shares no code with the reference and follows other readings wherever deployed servers do:
environments always by chain, nonces as strings, ``""`` for no results and for a delete, 201 for a
start, the current status for a stop, no documentId in status objects, unknown jobs as ``[]``.
"""
