package io.github.p3o.train;

import io.github.p3o.Prompt;
import io.github.p3o.Response;

/**
 * Two responses to one prompt, one of them preferred.
 *
 * @param prompt what was asked
 * @param chosen the preferred response
 * @param rejected the other
 */
public record Comparison(Prompt prompt, Response chosen, Response rejected) {}
