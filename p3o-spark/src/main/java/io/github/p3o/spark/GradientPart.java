package io.github.p3o.spark;

import io.github.p3o.internal.Whole;
import java.io.Serializable;

/** Some pairs of a mini-batch: the work of one task. */
record GradientPart(int index, PairRows pairs, Whole whole, double klScale)
    implements Serializable {}
