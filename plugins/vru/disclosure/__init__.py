"""Statistical disclosure control: what may leave the platform, and in which form."""
