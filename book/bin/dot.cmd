@rem `dot` by the pinned graphviz-pure, so that drawings are the same on every machine.
@if "%1"=="-V" (echo dot - graphviz version 16.1.0 (graphviz-pure^) 1>&2 & exit /b 0)
@graphviz-pure -q %*
