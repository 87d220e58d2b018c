# %% [markdown]
# # The judge
