package io.github.p3o;

import com.google.common.collect.ImmutableMap;
import org.nd4j.autodiff.samediff.SDVariable;

/**
 * An objective before its mean is taken.
 *
 * @param losses the loss of each pair {@code [pairs]}, float64, minimised
 * @param diagnostics measures of each pair {@code [pairs]}, float64, under the names that their
 *     means are reported as
 */
public record LossTerms(SDVariable losses, ImmutableMap<String, SDVariable> diagnostics) {}
