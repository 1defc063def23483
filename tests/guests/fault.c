/* Touches an address where nothing is mapped. */
static int touch(volatile int *where)
{
	return *where;
}

int main(void)
{
	return touch((volatile int *)0x10);
}
