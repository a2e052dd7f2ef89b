"""ASKS: everything between a person and a vote.

Of ml it knows the decision tree alone, so a volunteer's page cannot show a prediction and bias the vote.
"""
