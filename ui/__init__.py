"""How does a person or a program get at it?"""
