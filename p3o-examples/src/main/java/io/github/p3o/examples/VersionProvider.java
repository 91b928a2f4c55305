package io.github.p3o.examples;

import io.github.p3o.examples.run.Provenance;
import picocli.CommandLine.IVersionProvider;

/** What {@code p3o --version} prints. */
final class VersionProvider implements IVersionProvider {

  @Override
  public String[] getVersion() {
    return new String[] {
      "p3o " + Provenance.version(),
      "ND4J " + Provenance.version("org.nd4j", "nd4j-api") + ", Java " + Runtime.version()
    };
  }
}
