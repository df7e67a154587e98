"""x"""
def install(dsn, polls): pass
