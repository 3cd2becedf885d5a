// For the Asynq dashboard, which keeps asking when the session has ended: the page is loaded anew, and that leads to the
// sign-in and back.
"use strict";

const send = XMLHttpRequest.prototype.send;
XMLHttpRequest.prototype.send = function (...body) {
  this.addEventListener("load", () => {
    if (this.status === 401 && this.getResponseHeader("Qserve-Signed-Out")) location.reload();
  });
  return send.apply(this, body);
};
