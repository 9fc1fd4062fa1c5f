"""The source ``dandi:``: NWB files by name from a DANDI archive.

``spec`` reads the target, ``instance`` says which archive it is, ``client`` speaks to it with ``patience``, ``assets``
finds what the target names, ``known`` remembers it, ``cache`` keeps files, ``fetch`` and ``zarr_fetch`` get them,
``place`` hands them to what reads NWB, ``inspecting`` lists them, and ``source`` is the component.
"""
