"""File formats. Every file is written by `atomic`; a file never names code."""
