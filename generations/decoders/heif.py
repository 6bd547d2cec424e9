"""Teaches Pillow to read HEIF, which phones take photos in. Loaded for such a file alone."""

from pi_heif import register_heif_opener

# The first picture is the photo: what else is in the file is not looked at.
register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
