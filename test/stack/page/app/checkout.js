/** What the stacks of the test's spans name: the page shows lines of it. */
export async function checkout(cart, orders) {
  const controller = new AbortController();
  const order = orders.place(cart, { signal: controller.signal });
  setTimeout(function leave() {
    controller.abort(new Error('seen enough'));
  }, 200);
  return await order;
}
