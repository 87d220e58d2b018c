"""Ready-made callbacks for `RecurrentGAN(callbacks=[...])`, each in a file of its own, behind its own extra.

`mlflow.MLflowCallback`, `optuna.OptunaCallback`, `tensorboard.TensorBoardCallback`. Any function of a
`tsgan.model.callbacks.Row` is a callback; these are told of the beginning and the end, too.
"""
