// What a plugin of another Tern looks like from outside.
const char ternPluginVersion[] = "0.0.1";
