"""Sources rewritten so that they do the same: what a copyist changes, and what authors differ in.

After Zubkov et al., "Evaluation of Contrastive Learning with Various Code Representations for Code
Clone Detection", arXiv:2206.08726, and their CodeTransformator: rename, reorder, rewrite of loops
and branches, dead code.
"""
