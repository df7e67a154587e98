"""An AWS endpoint on this machine: moto's server, made to behave as AWS does where Lakehead leans on it.

Each module mends or adds one service. What moto does as AWS does is left alone.
"""
