package io.github.p3o.transformer;

import io.github.p3o.Parameters;
import org.nd4j.linalg.api.buffer.DataType;

/** Sizes and live parameters of a model. */
record LlamaModel(LlamaConfig config, RotaryTables rotary, Parameters parameters) {

  LlamaModel(LlamaConfig config, Parameters parameters) {
    this(config, new RotaryTables(config), parameters);
  }

  DataType type() {
    return parameters.dataType();
  }

  LlamaModel frozenCopy() {
    return new LlamaModel(config, rotary, parameters.frozenCopy());
  }
}
