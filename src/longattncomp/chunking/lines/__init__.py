"""A line of a text -> what it is, alone or by the lines right beside it; none of these modules makes units."""
