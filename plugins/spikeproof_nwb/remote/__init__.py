"""Reading a file behind a URL by the byte ranges that are needed, many at once.

An HDF5 file is opened through a file object that fetches what HDF5 asks for in blocks (``stream``), so that structure
and small columns cost a handful of requests. Large columns are never read that way, chunk after chunk: where their rows
stand is looked up in the chunk table first (``chunks``), and the ranges are fetched in parallel over connections that
stay open (``transfer``). Rows that are stored as they are go from there into the array; packed chunks are unpacked by
HDF5 itself.

What was fetched is kept in a sparse file with a list of its ranges and their checksums (``partial``), which several
processes may share and which outlives them; a second run asks for nothing, and needs no network. Every answer is held
to the size and the ETag of the file (``answers``), so that ranges of two different files are never mixed. A digest can
only be compared once all bytes are here: then it is, and the file is handed over to the cache of whole files.

What points to other files cannot be followed from here, and is never read as if it were something else: an external
link is broken (``stream`` says why that needs care), and a dataset that is put together from other files is refused.
"""
