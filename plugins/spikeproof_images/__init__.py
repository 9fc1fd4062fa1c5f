"""Images from a folder or an npz file."""
