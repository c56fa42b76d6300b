from hypothesis import settings

# a law holds or does not; how long one example takes on a busy machine says nothing
settings.register_profile("laws", deadline=None)
settings.load_profile("laws")
