package io.github.p3o.online;

import io.github.p3o.Policy;

/**
 * A version of the policy that is served.
 *
 * @param number 0 for the policy as it was in the beginning; each new one has the next
 * @param policy a frozen copy
 */
public record ServedVersion(long number, Policy policy) {}
