"""Networks that know nothing of source or driving, on maps [b h w c] and volumes [b z h w c]."""
