"""The rules of billing: what each act does to the documents.  Knows nothing of HTTP."""
