"""The cases of tests/cases whose mistakes a JSON Schema can see: those of form, not of meaning."""

REFUSED = frozenset(
    """
    expression-name-not-repeated missing-key-block-call missing-key-choose missing-key-clip
    missing-key-dataset missing-key-edit-verb missing-key-edit-with missing-key-empty-file
    missing-key-empty-sequential missing-key-fields missing-key-init-rule missing-key-input
    missing-key-input-of-list missing-key-match missing-key-merge missing-key-model missing-key-model-call
    missing-key-optimizer missing-key-plateau-metric missing-key-shape missing-key-stop-metric
    missing-key-target missing-key-to-train missing-key-watch missing-key-weights-file
    missing-parameter-bare missing-parameter-batch-first missing-parameter-conv missing-parameter-scheduler
    missing-parameter-two sorted-several-mistakes sorted-silent-consequences sorted-sizes-and-names
    unknown-key-arguments-beside-call unknown-key-beside-expr unknown-key-block-params unknown-key-blocks
    unknown-key-branch-from unknown-key-chain-from unknown-key-checkpoint unknown-key-clip
    unknown-key-clip-in-list unknown-key-data unknown-key-declared-from unknown-key-dim unknown-key-document
    unknown-key-edit unknown-key-edit-elsewhere unknown-key-edit-verb unknown-key-elsewhere
    unknown-key-formula-from unknown-key-freeze-function unknown-key-group unknown-key-input
    unknown-key-input-said-once unknown-key-loss unknown-key-merge unknown-key-metric unknown-key-model
    unknown-key-model-at-top unknown-key-name unknown-key-name-of-call unknown-key-node
    unknown-key-optimizer unknown-key-optimizers unknown-key-output-beside-chain unknown-key-repeat
    unknown-key-repeat-of-a-name unknown-key-said-once unknown-key-scheduler unknown-key-scheduler-metric
    unknown-key-step unknown-key-stop unknown-key-sweep unknown-key-train unknown-key-transforms
    unknown-key-watch unknown-key-weights unknown-key-weights-of-value unknown-name-dataset
    unknown-name-edit-with unknown-name-field unknown-name-figure-without-split unknown-name-figures
    unknown-name-figures-short unknown-name-init-type unknown-name-initialiser unknown-name-keras
    unknown-name-kind unknown-name-layer unknown-name-loss unknown-name-metric unknown-name-module-argument
    unknown-name-nested-scheduler unknown-name-nothing-near unknown-name-optimizer unknown-name-python-call
    unknown-name-qualified unknown-name-scheduler unknown-name-space-lost unknown-name-torchvision
    unknown-name-transform unknown-name-transform-elsewhere unknown-parameter-keras unknown-parameter-kernal
    unknown-parameter-no-arguments unknown-parameter-nothing-near unknown-parameter-space-lost
    unknown-parameter-supplied unknown-parameter-tensor unknown-parameter-torchvision
    wrong-value-dtype-of-torch wrong-value-two-data-sets unknown-key-arguments-beside-a-value
    wrong-type-version unknown-name-lazy unknown-name-kind-of-other-tools wrong-value-choices-near
    wrong-value-more-than-anyone-counts wrong-type-true-for-one wrong-type-choose
    wrong-type-data-named wrong-type-item unknown-name-python-scheduler unknown-key-in-a-repeated-node
    unknown-reference-forward-from unknown-reference-layer-in-forward wrong-type-augment
    wrong-type-block-params wrong-type-bool-for-number wrong-type-document wrong-type-edit
    wrong-type-edit-entry wrong-type-edit-target wrong-type-expect-nested wrong-type-expectation
    wrong-type-forward wrong-type-freeze wrong-type-from wrong-type-group-value wrong-type-groups
    wrong-type-half wrong-type-if wrong-type-input-number wrong-type-input-size wrong-type-input-text
    wrong-type-learning-rate wrong-type-list-too-long wrong-type-lone-list wrong-type-loss-from
    wrong-type-missing-dashes wrong-type-module-argument wrong-type-module-dict-list wrong-type-node
    wrong-type-null-in-optimizer wrong-type-null-values wrong-type-parameter-shape
    wrong-type-positional-list wrong-type-python-values wrong-type-rename wrong-type-repeat
    wrong-type-sections wrong-type-select wrong-type-sequential wrong-type-step wrong-type-swept
    wrong-type-text-for-number wrong-type-train wrong-type-weights wrong-type-weights-strict
    wrong-value-batch-in-shape wrong-value-block-name wrong-value-dtype wrong-value-edit-name
    wrong-value-edit-two wrong-value-edit-value wrong-value-enumeration wrong-value-epochs-and-steps
    wrong-value-expectation wrong-value-fields wrong-value-fields-of-images wrong-value-figure-form
    wrong-value-function-in-declaration wrong-value-input-and-inputs wrong-value-inputs-taken
    wrong-value-loss-from-one wrong-value-merge wrong-value-metric-name wrong-value-model-weights
    wrong-value-module-called-with-arguments wrong-value-module-list wrong-value-non-finite
    wrong-value-optimizers-by-name wrong-value-optimizers-in-a-list wrong-value-optimizers-side-by-side
    wrong-value-parameter-dtype wrong-value-parameter-in-chain wrong-value-plateau-every-step
    wrong-value-compile wrong-value-precision-name wrong-value-range wrong-value-refused-names
    wrong-value-rename
    wrong-value-repeat wrong-value-splits-of-table wrong-value-step-name wrong-value-table-for-images
    wrong-value-train wrong-value-transform-nested wrong-value-transform-place wrong-value-two-calls
    wrong-value-vars-names wrong-value-version wrong-value-weights-suffix
    wrong-value-memory unknown-key-num-workers
    unknown-key-from-among-nodes unknown-key-from-without-brackets unknown-key-merge-inside
    wrong-value-expect-notation wrong-type-run-name wrong-type-truth wrong-type-named-value
    unknown-name-colon-lost unknown-name-left-out unknown-name-top-k unknown-parameter-of-the-layer
    wrong-type-pytorch-order wrong-type-category-columns
    unknown-key-equals unknown-key-no-colon unknown-key-two-colons unknown-name-equals
    unknown-parameter-equals
    """.split()
)

OF_TERMS = frozenset(
    """
    unknown-key-loss-class-weights unknown-key-loss-from-of-several unknown-key-loss-sides-of-several
    missing-parameter-loss-from unknown-key-draw unknown-key-loss-from-name wrong-value-metric-without-name
    unknown-key-loss-weight unknown-name-loss-term unknown-name-metric-of-torchmetrics
    unknown-reference-loss-one-hot wrong-type-loss-weight wrong-value-loss-mixed
    """.split()
)
"""Cases of several terms of the loss, as far as they are there."""
