package io.github.p3o.spark;

import io.github.p3o.Policy;
import java.io.Serializable;

/**
 * What the workers of one run must agree on.
 *
 * @param id of the run, so that an executor tells its workers from another's
 * @param models how a worker makes its models
 * @param k responses to a prompt
 * @param promptsAtOnce prompts whose gradients are computed at once
 */
record Run<P extends Policy>(String id, SparkModels<P> models, int k, int promptsAtOnce)
    implements Serializable {}
