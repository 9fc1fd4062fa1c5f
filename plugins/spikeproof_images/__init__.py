"""Images from a folder, a zip file or an npz file."""
