"""name -> the name as it may be shown."""


def visible(name: str) -> str:
    r"""Write what does not print (controls, line ends, bidirectional marks, lone surrogates ...) as `repr` does: \x1b.

    A file or task from elsewhere can then neither steer a terminal nor look like another one.
    """
    if name.isprintable():
        return name
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in name)
