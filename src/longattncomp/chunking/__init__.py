"""Text -> units -> nodes -> segments.

`structure` walks through a text and calls the rooms: `lines` says what a line is, `headings` which sections are open,
and each of `prose`, `tables`, `code`, `printed`, `markup` and `talk` makes the units of one kind of text.
`outline` holds these units, `links` those that lead others in from elsewhere, `nodes` cuts them to size.
"""
