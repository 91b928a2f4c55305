package io.github.p3o.train;

import io.github.p3o.Prompt;
import io.github.p3o.Response;

/**
 * A response to imitate.
 *
 * @param prompt what was asked; no loss is taken on it
 * @param response what shall be answered, its end-of-sequence token included
 */
public record Example(Prompt prompt, Response response) {}
