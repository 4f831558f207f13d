"""The auditor of KL terms: which divergence's gradient does a term of k1, k2, k3 really follow?"""
