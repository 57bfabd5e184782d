// Every unit test of ui/static/core in one Node process; tests/test_ui_javascript.py runs it.
import "./sampling.test.mjs";
import "./format.test.mjs";
import "./vocab.test.mjs";
import "./api.test.mjs";
import "./store.test.mjs";
import "./chain.test.mjs";
import "./view_file.test.mjs";
import "./latest.test.mjs";
