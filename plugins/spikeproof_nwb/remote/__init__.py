"""Reading a file behind a URL by the byte ranges that are needed, many at once.

An HDF5 file is opened through a file object that fetches what HDF5 asks for in blocks, so that structure and small
columns cost a handful of requests. Large columns are never read that way, chunk after chunk: their place in the file
is looked up in the chunk table first, and the ranges are fetched in parallel over connections that stay open
(``chunks``, ``transfer``).

What was fetched is kept in a sparse file with a list of its ranges and their checksums (``partial``), which several
processes may share and which outlives them; a second run asks for nothing, and needs no network. Every answer is held
to the size and, where it is known, to the ETag of the file, so that ranges of two different files are never mixed. A
digest can only be compared once all bytes are here: then it is, and the file is handed over to the cache of whole
files. What is refused, and when a request is given up, stands in ``transfer``.

An external link in such a file cannot be followed and looks like one whose target is missing (``stream`` says why
that needs care).
"""
