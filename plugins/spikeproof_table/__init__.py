"""Responses in tables and arrays that are not NWB: netCDF, Zarr, npz, npy and csv."""
