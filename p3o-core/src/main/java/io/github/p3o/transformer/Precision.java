package io.github.p3o.transformer;

/** The type that a model's tensors are written in. */
public enum Precision {

  /**
   * Each tensor in the type of the checkpoint that it was read from, rounded to the nearest value,
   * to the even one of two. What does not come from a checkpoint, and what was read to a narrower
   * type, is written in the model's own type.
   */
  AS_READ,

  /**
   * Float32, which keeps every bit of a model of type FLOAT. A small update of a weight is often
   * less than half of bfloat16's step, and then lost when it is rounded: who trains on from a saved
   * model, or averages several, takes this.
   */
  FLOAT32
}
