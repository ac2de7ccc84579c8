"""The platform of the Violence Reduction Unit."""
