! Fortran as the host's gfortran links it statically: formatted output, allocation, a file that is written and read again.
program arrays
  implicit none
  real(8), allocatable :: a(:, :), b(:)
  integer :: i, unit
  character(len=40) :: line

  allocate(a(50, 50), b(50))
  a = 0
  do i = 1, 50
    a(i, i) = i
  end do
  b = matmul(a, [(1d0 / i, i = 1, 50)])
  write (*, '(a, f10.6, a, es14.6)') 'sum ', sum(b), ' norm ', sqrt(dot_product(b, b))
  open (newunit=unit, file='arrays.txt', status='replace', action='readwrite')
  write (unit, '(i0, 1x, i0)') 12, 30
  rewind (unit)
  read (unit, '(a)') line
  close (unit, status='delete')
  print '(a)', trim(line)
end program arrays
