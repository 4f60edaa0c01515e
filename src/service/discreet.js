// Keeps secrets from being seen on the page: the token is typed unseen, and the command line that the page shows for a request
// has neither the token nor the secrets of the body in it.
const Discreet = (() => {
  const hidden = (name) => /secret|password|certificate|token/i.test(name);
  const body = (text) => {
    try {
      return JSON.stringify(JSON.parse(text, (name, value) => (hidden(name) && value !== null ? "[secret]" : value)), null, 2);
    } catch {
      return /secret|password|certificate|token/i.test(text) ? "[body]" : text;
    }
  };
  const request = (sent) => {
    if (!sent) return sent;
    const clean = sent.hasIn(["headers", "Authorization"]) ? sent.setIn(["headers", "Authorization"], "Bearer [token]") : sent;
    return typeof clean.get("body") === "string" ? clean.set("body", body(clean.get("body"))) : clean;
  };
  return ({ React }) => ({
    wrapComponents: {
      Input: (Input) => (props) =>
        React.createElement(Input, props.id === "auth-bearer-value" ? { ...props, type: "password", autoComplete: "off" } : props),
    },
    statePlugins: { spec: { wrapSelectors: { mutatedRequestFor: (found) => (_, ...of) => request(found(...of)) } } },
  });
})();
